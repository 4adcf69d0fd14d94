import { defineConfig } from "tsup";
import { library } from "../../tsup.base.js";

// get-port is an ES module alone, which `require` cannot load on every Node that we support: it goes into the bundle.
export default defineConfig({ ...library, noExternal: ["get-port"] });
