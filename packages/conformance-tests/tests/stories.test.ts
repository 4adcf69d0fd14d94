import { expect, test } from "vitest";
import {
  gapsBetween,
  readCoverings,
  readPage,
  readStories,
  renderConformancePage,
  withMatrix,
} from "../../../tools/docs/conformance-page.js";

const stories = readStories("orders:\n  placed: An order is placed\n  kept: An order is kept\n");
const covering = (id: string, ...covers: string[]) => ({ id, covers, link: `cases/${id}.yaml` });

test("every line of the stories is shown by a case, and every case shows lines that there are", async () => {
  expect(gapsBetween(readStories(), await readCoverings())).toEqual([]);
});

test("a line that no case shows, and a case of no line, are told by name", () => {
  expect(gapsBetween(stories, [covering("orders/one", "orders.placed", "orders.plcaed")])).toEqual([
    "orders.kept: no case shows it",
    'orders/one covers "orders.plcaed": stories.yaml has no such line',
  ]);
  expect(gapsBetween(stories, [covering("orders/one", "orders.placed", "orders.kept")])).toEqual([]);
});

test("docs/internals/conformance.md is as stories and cases make it", async () => {
  const page = readPage();
  expect(renderConformancePage(readStories(), await readCoverings(), page)).toBe(page);
});

test("a page that is made again keeps the matrix, and a matrix recorded again keeps the stories", () => {
  const cases = [covering("orders/one", "orders.placed"), covering("orders/two", "orders.placed")];
  const fresh = renderConformancePage(stories, cases, "");
  expect(fresh).toContain("Not recorded yet.");
  expect(fresh).toContain(
    "| `orders.placed` | An order is placed | [orders/one](cases/orders/one.yaml)<br>[orders/two](cases/orders/two.yaml) |",
  );
  const recorded = withMatrix(withMatrix(fresh, "| first |"), "| second |");
  expect(recorded).toContain("| second |");
  expect(recorded).not.toContain("| first |");
  expect(renderConformancePage(stories, cases, recorded)).toBe(recorded);
});

test("a matrix is not recorded where there is no page for it", () => {
  expect(() => withMatrix("# Something else", "| 1 |")).toThrow("has no place for it");
});
