import assert from "node:assert/strict";
import { test } from "node:test";
import { addressFor, type Kept, nodeURL, ownNode } from "../src/page/node.ts";

const PAGE = "https://shop.example/receipts/1?t=token";
const SHOPS = "https://rpc.shop.example/v3/public";

function keeps(url?: string): Kept & { url: string | null } {
  return {
    url: url ?? null,
    getItem() {
      return this.url;
    },
    setItem(_: string, value: string) {
      this.url = value;
    },
  };
}

test("a node is an http or https URL without a user", () => {
  assert.equal(nodeURL(" https://rpc.example/v3/key?x=1 "), "https://rpc.example/v3/key?x=1");
  for (const wrong of [
    "",
    "rpc.example",
    "ftp://rpc.example",
    "javascript:alert(1)",
    "https://me:pw@rpc.example",
    "https://rpc.example/#x",
  ]) {
    assert.equal(nodeURL(wrong), undefined, wrong);
  }
});

test("the shop's node is asked until the shopper names another", () => {
  assert.equal(ownNode(PAGE, keeps("https://own.example/key")), undefined);
  assert.equal(ownNode(PAGE, keeps()), undefined);
});

test("of a node of the shopper's only the origin is in the page's address", () => {
  const kept = keeps();
  const at = addressFor(PAGE, kept, "https://own.example/v3/secret-key", SHOPS);
  assert.equal(at, "https://shop.example/receipts/1?t=token&node=https%3A%2F%2Fown.example#verify");
  assert.equal(ownNode(at ?? "", kept), "https://own.example/v3/secret-key");
  assert.equal(ownNode(at ?? "", undefined), undefined, "a browser that keeps nothing");
  assert.equal(ownNode(at ?? "", keeps()), undefined, "an address that somebody else made names no node");
  assert.equal(ownNode(at ?? "", keeps("https://other.example/key")), undefined, "what was kept is of another page");
});

test("nothing is loaded anew for a node that may be asked already", () => {
  assert.equal(addressFor(PAGE, keeps(), "https://rpc.shop.example/other", SHOPS), undefined);
  assert.equal(addressFor(PAGE, keeps(), "https://shop.example/rpc", undefined), undefined);
  assert.equal(addressFor(`${PAGE}&node=https://own.example`, keeps(), "https://own.example/b", SHOPS), undefined);
  assert.notEqual(addressFor(PAGE, keeps(), "http://rpc.shop.example/", SHOPS), undefined, "another scheme is another origin");
});
