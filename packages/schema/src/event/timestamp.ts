/** Times of events: RFC 3339, on days that exist. */

const DAY =
  String.raw`(?:\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8]))` +
  // 29 February of years that are divisible by 4 and not by 100, or by 400.
  String.raw`|(?:\d\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)`;

/** The only form that our publisher writes: UTC with milliseconds. Equal times are equal texts. */
export const EVENT_TIME_PATTERN = new RegExp(String.raw`^${DAY}T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$`);

/** All of RFC 3339 §5.6: any offset, any number of decimals, and a second 60 in any minute. */
const RFC_3339 = new RegExp(
  String.raw`^${DAY}[Tt](?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$`,
);

export function isRfc3339(text: string): boolean {
  return RFC_3339.test(text);
}
