/** Shows how far a run is: a bar on a terminal, a line per stage elsewhere. */
import { Presets, SingleBar } from "cli-progress";

export class Progress {
  #bar: SingleBar | undefined;

  begin(stage: string, total: number): void {
    this.end();
    if (!process.stderr.isTTY) {
      process.stderr.write(`${stage}: ${total}\n`);
      return;
    }
    this.#bar = new SingleBar(
      { format: `${stage.padEnd(34)} {bar} {value}/{total} {duration_formatted}`, stream: process.stderr },
      Presets.shades_classic,
    );
    this.#bar.start(total, 0);
  }

  step(): void {
    this.#bar?.increment();
  }

  end(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}
