import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProofState } from "../src/page/data.ts";
import { Follower } from "../src/page/follow.ts";

/** A world whose clock a test moves, and whose server answers what the test says. */
class World {
  waits: number[] = [];
  asked = 0;
  answers: (string | Error)[] = [];
  private next: (() => void) | undefined;

  world = {
    ask: async (): Promise<ProofState> => {
      this.asked++;
      const answer = this.answers.shift() ?? "pending";
      if (answer instanceof Error) throw answer;
      return { status: answer };
    },
    after: (ms: number, run: () => void) => {
      this.waits.push(ms);
      this.next = run;
      return () => {
        this.next = undefined;
      };
    },
    random: () => 0.5,
  };

  /** Lets the time pass that is waited for. */
  async pass(): Promise<boolean> {
    const run = this.next;
    this.next = undefined;
    run?.();
    await new Promise(setImmediate);
    return run !== undefined;
  }
}

function follow(answers: (string | Error)[]) {
  const w = new World();
  w.answers = answers;
  const told: string[] = [];
  const follower = new Follower({ status: "pending" }, w.world, (state, away) => told.push(away ? `${state.status}, away` : state.status));
  return { w, told, follower };
}

test("a proof is followed to its end, and then nothing is asked", async () => {
  const { w, told, follower } = follow(["batched", "broadcast", "mined", "final"]);
  follower.resume();
  while (await w.pass());
  assert.deepEqual(told, ["batched", "broadcast", "mined", "final"]);
  assert.equal(w.asked, 4);
  follower.resume();
  assert.equal(await w.pass(), false);
});

test("what was altered is told once", async () => {
  const { w, told, follower } = follow(["altered", "pending"]);
  follower.resume();
  while (await w.pass());
  assert.deepEqual(told, ["altered"]);
});

test("while nothing happens it is asked ever more slowly, and soon again once something did", async () => {
  const { w, follower } = follow([...Array(20).fill("pending"), "batched"]);
  follower.resume();
  for (let i = 0; i < 20; i++) await w.pass();
  assert.equal(w.waits[0], 0);
  assert.equal(w.waits[1], 2_000);
  assert.deepEqual(
    w.waits.slice(1, 12).toSorted((a, b) => a - b),
    w.waits.slice(1, 12),
  );
  assert.equal(w.waits.at(-1), 60_000);
  await w.pass();
  assert.equal(w.waits.at(-1), 2_000);
});

test("a server that is away is told of, and asked again", async () => {
  const { w, told, follower } = follow([new Error("away"), "mined"]);
  follower.resume();
  await w.pass();
  await w.pass();
  assert.deepEqual(told, ["pending, away", "mined"]);
});

test("while nobody looks nothing is asked, and at once when somebody does", async () => {
  const { w, follower } = follow([]);
  follower.resume();
  await w.pass();
  follower.pause();
  assert.equal(await w.pass(), false);
  assert.equal(w.asked, 1);
  follower.resume();
  assert.equal(w.waits.at(-1), 0);
  await w.pass();
  assert.equal(w.asked, 2);
});

test("a pause while an answer is awaited stays one", async () => {
  const { w, follower } = follow([]);
  follower.resume();
  const passed = w.pass();
  follower.pause();
  await passed;
  assert.equal(await w.pass(), false);
});
