/** The rules of single attributes that more than one reader of events needs. */

/**
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#attribute-naming-convention, with a limit of our
 * own.
 */
export const ATTRIBUTE_NAME_PATTERN = /^[a-z0-9]{1,64}$/;

/** UUIDv7 (RFC 9562 §5.7) in lower case. */
export const ID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Trace id and parent id, neither all zeros, and flags: https://www.w3.org/TR/trace-context/#traceparent-header */
const TRACE = '(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}';
/**
 * Version ff does not exist. A version after 00 may append something: at most 200 characters, none of which JSON
 * escapes, so that `fast/read-event.ts` can match the attribute in the event's text.
 */
export const TRACEPARENT_PATTERN = new RegExp(
  String.raw`^(00-${TRACE}|(?!00|ff)[0-9a-f]{2}-${TRACE}(-[!#-[\]-~]{0,200})?)$`,
);

/**
 * Base64 of the 64 bytes of an Ed25519 signature. The last character has four spare bits; they are 0, so each value has
 * one text.
 */
export const SIGNATURE_PATTERN = /^[A-Za-z0-9+/]{85}[AQgw]==$/;

/** Longest `claimedorg`, in UTF-16 code units. */
export const MAX_CLAIMED_LENGTH = 256;

/** Longest texts of the other attributes, in UTF-16 code units. */
export const MAX_LENGTHS = {
  subject: 1024,
  actorid: 256,
  actorname: 256,
  actoremail: 320,
  runid: 128,
  decisionid: 128,
  keyid: 128,
  source: 1024,
  producer: 64,
} as const;
