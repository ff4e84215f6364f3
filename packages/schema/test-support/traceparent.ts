/** Texts of `traceparent`, right and wrong ones: https://www.w3.org/TR/trace-context/ */

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const IDS = `${TRACE}-${PARENT}`;

export const VALID_TRACEPARENTS = [
  `00-${IDS}-01`,
  `00-${IDS}-ff`,
  `01-${IDS}-01`,
  `fe-${IDS}-00-what-the-future-will-be-like`,
  `01-${IDS}-01-${'x'.repeat(200)}`,
];
export const INVALID_TRACEPARENTS = [
  `ff-${IDS}-01`,
  `ff-${IDS}-01-more`,
  `00-${'0'.repeat(32)}-${PARENT}-01`,
  `00-${TRACE}-${'0'.repeat(16)}-01`,
  `01-${'0'.repeat(32)}-${PARENT}-01`,
  `01-${TRACE}-${'0'.repeat(16)}-01-more`,
  `00-${IDS}-01-more`,
  `00-${IDS}-01-`,
  `01-${IDS}-01.more`,
  `01-${IDS}-01-${'x'.repeat(201)}`,
  `01-${IDS}-01-a b`,
  `01-${IDS}-01-a"b`,
  `01-${IDS}-01-a\\b`,
  `00-${IDS.toUpperCase()}-01`,
  `00-${IDS}-01\n`,
  'x',
  '',
];
