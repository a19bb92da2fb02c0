// A shop on a chain of the test's own: its contract, the batches that it anchored, and the proofs that it hands out.
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { StandardMerkleTree } from "@openzeppelin/merkle-tree";
import { ContractFactory, JsonRpcProvider, TypedDataEncoder, keccak256, parseUnits, toBeHex, toUtf8Bytes } from "ethers";
import { entry, inclusionPath, treeHead } from "../../verify/tillseal-verify.mjs"; // which testdata/log.json pins

export const here = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
export const read = (path) => readFileSync(here(path), "utf8");
export const hashOf = (text) => keccak256(toUtf8Bytes(text));

export const { vectors: SALES } = JSON.parse(read("testdata/sales.json"));
export const RATE = "254321.17";

const TYPE = JSON.parse(read("testdata/sales.json")).type;
const FIELDS = TYPE.slice(TYPE.indexOf("(") + 1, -1).split(",").map((field) => field.split(" ")).map(([type, name]) => ({ type, name }));

/** The hash of a sale as ethers makes it. */
export const hashSale = (sale) => TypedDataEncoder.hashStruct("Sale", { Sale: FIELDS }, sale);

// ceil(total * 10^18 / RATE), with ethers' decimals.
function weiFor(total) {
  const [value, rate] = [parseUnits(total, 36), parseUnits(RATE, 18)];
  return (value + rate - 1n) / rate;
}

const PAIR = ["bytes32", "uint256"];
const GAS = 150_000; // of any batch by Ethereum's present rules; small, so that hundreds fit into a block

export function provide(chain) {
  return new JsonRpcProvider(chain.url, undefined, { staticNetwork: true, cacheTimeout: -1 });
}

/** A new contract without a batch. */
export async function openShop(provider) {
  const owner = await provider.getSigner(0);
  const anchorer = await provider.getSigner(1);
  const factory = new ContractFactory(read("binding/SaleAnchor.abi"), read("binding/SaleAnchor.bin").trim(), owner);
  const deployed = await factory.deploy(owner.address, anchorer.address);
  await deployed.waitForDeployment();
  const { blockNumber } = await deployed.deploymentTransaction().wait();
  return new Shop(provider, deployed.connect(anchorer), anchorer.address, String(blockNumber));
}

class Shop {
  batches = []; // { id, root, size }, as in a proof

  constructor(provider, contract, anchorer, deployedBlock) {
    Object.assign(this, { provider, contract, anchorer, deployedBlock });
  }

  #next(root, size) {
    const batch = { id: String(this.batches.length + 1), root, size: String(size) };
    this.batches.push(batch);
    return batch;
  }

  async anchor(root, size) {
    const { id } = this.#next(root, size);
    return (await this.contract.anchor(id, root, size, { gasLimit: GAS })).wait();
  }

  /** Anchors batches of other sales, many in a block, so that a proof ages. */
  async follow(count) {
    const { provider, contract } = this;
    await provider.send("evm_setAutomine", [false]);
    let nonce = await provider.getTransactionCount(this.anchorer);
    const sent = [];
    for (let i = 0; i < count; i++) {
      const { id, root, size } = this.#next(hashOf(`batch ${i}`), 1 + i);
      const data = contract.interface.encodeFunctionData("anchor", [id, root, size]);
      const tx = { from: this.anchorer, to: contract.target, data, gas: toBeHex(GAS), nonce: toBeHex(nonce++) };
      sent.push(provider.send("eth_sendTransaction", [tx]));
    }
    await Promise.all(sent);
    while ((await provider.getTransactionCount(this.anchorer)) < nonce) await provider.send("evm_mine", []);
    await provider.send("evm_setAutomine", [true]);
  }

  /** A batch's inclusion in the log as it is, or as it was when it had a size. */
  inclusion(id, size = this.batches.length) {
    const entries = this.batches.slice(0, size).map(entry);
    return { size: String(size), root: treeHead(entries), path: inclusionPath(Number(id) - 1, entries) };
  }

  /** Anchors the sale of tea, with others or alone, and makes its proof. */
  async sell(others = SALES.map((v) => [v.sale_hash, weiFor(v.sale.total).toString()])) {
    const rate = { value: RATE, currency: "INR", tier: "live", sources: ["coingecko"], observed_at: "2026-11-22T04:45:30Z" };
    return this.#prove({ ...makeSale(), rate }, others);
  }

  /** Anchors a record of the shop's own, such as a key's, whose total is 0, and makes its proof. */
  async record(change = () => {}) {
    const request = Buffer.from('{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}'); // RFC 8037, appendix A.2
    const { sale } = makeSale();
    Object.assign(sale, { kind: "key", storeId: "operator", terminalId: "operator", customerId: "", currency: "XXX", total: "0" });
    Object.assign(sale, { pointsDelta: "0", pointsBalance: "0", purchaseNumber: "0", requestHash: keccak256(request) });
    const key = { sale, request: request.toString("base64"), amount_wei: "0", rate: null };
    change(key);
    return this.#prove({ ...key, sale_hash: hashSale(sale) }, []);
  }

  async #prove(sold, others) {
    const sales = [...others, [sold.sale_hash, sold.amount_wei]];
    const tree = StandardMerkleTree.of(sales, PAIR);
    const receipt = await this.anchor(tree.root, sales.length);
    const leaves = sales.map((sale) => tree.leafHash(sale)).sort();
    const leaf = tree.leafHash([sold.sale_hash, sold.amount_wei]);
    const { id, root, size } = this.batches.at(-1);
    const proof = {
      ...sold,
      leaf,
      proof: tree.getProof(sales.length - 1),
      batch: { id, root, size, leaf_index: String(leaves.indexOf(leaf)) },
      log: this.inclusion(id),
      promise: signPromise(sold.sale, sold.sale_hash),
      chain: {
        chain_id: "31337",
        contract: this.contract.target,
        tx_hash: receipt.hash,
        block_number: String(receipt.blockNumber),
        block_hash: receipt.blockHash,
        deployed_block: this.deployedBlock,
        finality: "mined",
      },
    };
    return { proof, gasUsed: receipt.gasUsed };
  }
}

const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const { x } = publicKey.export({ format: "jwk" });
const kid = createHash("sha256").update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).digest("base64url");

/** The keys that the shop serves. */
export const JWKS = { keys: [{ kty: "OKP", crv: "Ed25519", x, kid, alg: "EdDSA", use: "sig" }] };

/** The shop's promise of a sale, with other claims or header members. */
export function signPromise(sale, saleHash, claims = {}, header = {}) {
  const iat = Number(BigInt(sale.recordedAt) / 1_000_000n);
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = [
    part({ alg: "EdDSA", typ: "tillseal-sale+jwt", kid, ...header }),
    part({
      iss: "https://shop.example",
      sub: sale.saleId,
      sale_hash: saleHash,
      store_id: sale.storeId,
      terminal_id: sale.terminalId,
      record_number: Number(sale.recordNumber),
      iat,
      anchor_by: iat + 86_400,
      ...claims,
    }),
  ].join(".");
  return `${signed}.${sign(null, Buffer.from(signed), privateKey).toString("base64url")}`;
}

function makeSale() {
  const request = Buffer.from('{"currency":"INR", "total":"1249.5","customer_id":"C-1001","redeem_points":200}');
  const sale = {
    saleId: "01a1f94f-e264-7599-97ba-9d8ea7e314e5",
    kind: "sale",
    refundOf: "",
    storeId: "s1",
    terminalId: "t1",
    recordNumber: "1042",
    previousHash: `0x${"06".repeat(32)}`,
    customerId: "C-1001",
    currency: "INR",
    total: "1249.50",
    pointsDelta: "-81",
    pointsBalance: "143",
    purchaseNumber: "2",
    recordedAt: "1795322731123456",
    requestHash: keccak256(request),
    salt: hashOf("a made-up salt"),
  };
  return {
    sale,
    request: request.toString("base64"),
    sale_hash: hashSale(sale),
    amount_wei: weiFor(sale.total).toString(),
  };
}

/** The proof with a change, the original left as it is. */
export function changed(proof, change) {
  const copy = structuredClone(proof);
  change(copy);
  return copy;
}
