/** The one error of the command line. */

/** What the user has to change: told in one line, without a stack, and the command ends with status 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
