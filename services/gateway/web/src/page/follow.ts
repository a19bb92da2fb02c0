// Follows where a proof stands, by asking again: soon while something should happen, ever more slowly while nothing does.
import type { ProofState } from "./data.ts";

const FIRST_MS = 2_000;
const LONGEST_MS = 60_000;
const GROWTH = 1.4;

/** What a follower needs of the world. */
export interface World {
  ask: () => Promise<ProofState>; // rejects when the shop's server does not answer
  after: (ms: number, run: () => void) => () => void; // returns what takes it back
  random: () => number; // so that not all pages ask at the same time
}

/** Tells of each state, and of each time that the server is away, until the proof is final. */
export class Follower {
  private wait = FIRST_MS;
  private cancel: (() => void) | undefined;
  private asking = false;
  private paused = true;
  private ended = false;
  private now: ProofState;
  private readonly world: World;
  private readonly tell: (state: ProofState, away: boolean) => void;

  constructor(state: ProofState, world: World, tell: (state: ProofState, away: boolean) => void) {
    this.now = state;
    this.world = world;
    this.tell = tell;
  }

  get state(): ProofState {
    return this.now;
  }

  /** Begins with a state that has just come. */
  begin(): void {
    this.paused = false;
    this.schedule(FIRST_MS);
  }

  /** Goes on after a pause, and asks at once. */
  resume(): void {
    this.paused = false;
    this.wait = FIRST_MS;
    this.schedule(0);
  }

  /** Nothing is asked until resume: nobody looks. */
  pause(): void {
    this.paused = true;
    this.cancel?.();
    this.cancel = undefined;
  }

  private schedule(ms: number): void {
    this.cancel?.();
    if (this.ended || this.asking || this.paused) return;
    this.cancel = this.world.after(ms, () => void this.once());
  }

  private async once(): Promise<void> {
    this.cancel = undefined;
    this.asking = true;
    let away = false;
    try {
      const state = await this.world.ask();
      if (state.status !== this.now.status) this.wait = FIRST_MS;
      this.now = state;
    } catch {
      away = true;
    }
    this.asking = false;
    this.ended = this.now.status === "final" || this.now.status === "altered";
    this.tell(this.now, away);
    this.schedule(this.wait * (0.8 + 0.4 * this.world.random()));
    this.wait = Math.min(this.wait * GROWTH, LONGEST_MS);
  }
}
