/**
 * Every error that Sluice makes, by the question it answers: what was passed in (`errors/input.ts`), what is
 * in Redis already (`errors/state.ts`), whether Redis was reached (`errors/server.ts`), who may still act
 * (`errors/lifecycle.ts`). Each class makes its own text, so that a text has one home.
 */

export { isRetryable, SluiceError } from "./errors/base.js";
export {
  InvalidNameError,
  InvalidOptionError,
  type Issue,
  PayloadTooLargeError,
  SingleTenantError,
  TenantRequiredError,
  UnknownEventTypeError,
  ValidationError,
} from "./errors/input.js";
export {
  AlreadyRunningError,
  ClosedError,
  ConsumerStoppedError,
  HandlerTimeoutError,
  LeaseLostError,
  NonRetryableError,
  SupersededError,
} from "./errors/lifecycle.js";
export {
  ConnectionError,
  DeadlineError,
  isPermissionReply,
  OutOfMemoryError,
  PermissionError,
  PublishBackpressureError,
  prefixOf,
  RuntimePermissionError,
  ServerError,
} from "./errors/server.js";
export {
  type GroupSettingDifference,
  GroupSettingsError,
  IdempotencyMismatchError,
  ProtocolError,
  StreamExhaustedError,
  StreamFullError,
  TenantInUseError,
  WrongTypeError,
} from "./errors/state.js";
