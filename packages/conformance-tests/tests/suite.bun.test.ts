import { testsOf } from "./support.js";

await testsOf("bun");
