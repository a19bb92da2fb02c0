// What the gateway puts into a receipt's page (services/gateway/internal/api, shownReceipt).

export interface Tax {
  name?: string;
  rate?: string;
  amount: string;
}

export interface Line {
  type?: string;
  sku?: string;
  name?: string;
  quantity?: string;
  unit_price?: string;
  discount?: string;
  tax_included?: boolean;
  tax?: string;
  taxes?: Tax[];
  amount?: string; // what it adds to the total
}

export interface Tender {
  type: string;
  amount: string;
  tendered?: string;
  change?: string;
  reference?: string;
}

export interface Points {
  earned: number;
  redeemed: number;
  worth?: string; // of those that were redeemed, by the loyalty rules
  shortfall?: number;
  balance?: number;
  customer_id?: string;
}

export interface ReceiptRecord {
  kind: string;
  store_id: string;
  terminal_id: string;
  record_number: number;
  previous_hash: string;
  sale_hash: string;
  promise?: string;
  recorded_at: string;
  occurred_at?: string;
  offline?: boolean;
  currency: string;
  digits: number;
  total: string;
  refund_of?: string;
  reference?: string;
  lines: Line[]; // as the till sent them
  tenders: Tender[];
  points?: Points;
}

/** Where a proof stands: pending, parked, batched, broadcast, mined, final, unknown or altered. */
export interface ProofState {
  status: string;
  step?: string; // altered: which step fails
  batch_id?: string;
  tx_hash?: string;
  block_number?: string;
}

export interface Shop {
  name?: string;
  address?: string[];
  phone?: string;
  tax_id?: string;
  website?: string;
  time_zone?: string;
}

export interface Chain {
  rpc?: string;
  explorer?: string;
  chain_id?: string;
  contract?: string;
  contract_name?: string;
}

export interface Receipt {
  sale_id: string;
  proof: ProofState;
  shop: Shop;
  chain: Chain;
  record?: ReceiptRecord; // absent where it was altered
}
