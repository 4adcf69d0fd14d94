/** The Lua scripts of Sluice, with the calls that run them and the replies they give. */
export * from "./begun.js";
export * from "./generated/index.js";
export * from "./keys.js";
export { type Refusal, refusalIn, type SettingDifference, UnexpectedReplyError } from "./reply.js";
export type { Arg, KeyName, Script, ScriptCall } from "./script.js";
export * from "./scripts/discard.js";
export * from "./scripts/extend.js";
export * from "./scripts/info.js";
export * from "./scripts/lease.js";
export * from "./scripts/member.js";
export * from "./scripts/open.js";
export * from "./scripts/publish.js";
export * from "./scripts/recover.js";
export * from "./scripts/release.js";
export * from "./scripts/replay.js";
export * from "./scripts/retire.js";
export * from "./scripts/settle.js";
export * from "./scripts/trim.js";
