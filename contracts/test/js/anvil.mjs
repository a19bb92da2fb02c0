// A chain of this test's own: npm's anvil on a free loopback port, gone when the test is.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { foundryBinary } from "../../tools/foundry.mjs";

const START_TIMEOUT_MS = 60_000;

/** Resolves once anvil listens; with one slot an epoch a block is final two blocks later. */
export async function startAnvil() {
  const child = spawn(foundryBinary("anvil"), ["--host", "127.0.0.1", "--port", "0", "--slots-in-an-epoch", "1"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const stop = async () => {
    child.kill("SIGTERM");
    await exited;
  };
  // Closing its output is anvil's end as well; so neither a failed start nor a stuck one waits for ever.
  const timer = setTimeout(() => child.kill("SIGKILL"), START_TIMEOUT_MS);
  try {
    for await (const line of createInterface(child.stdout)) {
      const port = line.match(/^Listening on 127\.0\.0\.1:(\d+)$/)?.[1];
      if (port === undefined) continue;
      child.stdout.on("data", () => {}); // keeps the pipe empty
      return { url: `http://127.0.0.1:${port}`, stop };
    }
  } finally {
    clearTimeout(timer);
  }
  await stop();
  throw new Error("anvil ended before it listened");
}
