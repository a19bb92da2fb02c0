// The verifier's core: checks a sale's proof or promise, in browsers and in Node, and needs nothing else from the shop.
export { address } from "./abi.ts";
export { weiFor } from "./amount.ts";
export { type Hex, keccakHex } from "./bytes.ts";
export { type Options, type Outcome, STEPS, type StepName } from "./context.ts";
export { Invalid } from "./errors.ts";
export { type Given, parseContract, readText } from "./given.ts";
export { parseJSON } from "./json.ts";
export { type Batch, entry, type Inclusion, inclusionPath, leadsTo, node, treeHead } from "./log.ts";
export { type Claims, type JWKS, moment, type Promised, parseKeys, readPromise, verifyPromise } from "./promise.ts";
export { type Proof, parseProof } from "./proof.ts";
export { jsonRPC, type RPC, Unreachable } from "./rpc.ts";
export { hashSale, type Sale } from "./sale.ts";
export { type Verdict, verifyProof } from "./steps.ts";
export { leafHash, rootOf } from "./tree.ts";
