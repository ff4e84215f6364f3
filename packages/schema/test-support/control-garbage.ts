/** Messages on the subjects of operators that say nothing, and the records that they become. */
import { without } from './message.ts';

const CONTROL = 'waybill.control.acknowledge.acme';
const known = { v: 1, orgid: 'acme', producer: 'b1f0', first: 3, last: 5, by: 'ops', reason: 'a disk' };

export const CONTROL_GARBAGE: readonly [
  name: string,
  subject: string,
  payload: unknown,
  reason: string,
  detail: string,
][] = [
  [
    'a control message that nobody knows',
    'waybill.control.erase.acme',
    known,
    'bad_subject',
    'subject: <control prefix>.acknowledge.<orgid>',
  ],
  [
    'an acknowledgement about _system',
    'waybill.control.acknowledge._system',
    known,
    'bad_subject',
    'subject: <control prefix>.acknowledge.<orgid>',
  ],
  ['an acknowledgement that is text', CONTROL, 'hello', 'not_json', 'is not JSON'],
  ['an acknowledgement of 64 KiB', CONTROL, 'x'.repeat(65_537), 'too_large', 'has more than 65536 bytes'],
  ['several acknowledgements', CONTROL, [known], 'not_an_event', 'an acknowledgement is an object'],
  [
    'an acknowledgement with more',
    CONTROL,
    { ...known, all: true },
    'not_an_event',
    'an acknowledgement has exactly v, orgid, producer, first, last, by, reason',
  ],
  [
    'an acknowledgement without an end',
    CONTROL,
    without(known, 'last'),
    'not_an_event',
    'an acknowledgement has exactly v, orgid, producer, first, last, by, reason',
  ],
  ['an acknowledgement of a later version', CONTROL, { ...known, v: 2 }, 'not_an_event', 'v: 1'],
  [
    'an acknowledgement for somebody else',
    CONTROL,
    { ...known, orgid: 'bolt' },
    'not_an_event',
    'orgid: the organization of the subject',
  ],
  [
    'an acknowledgement of nobody\u2019s numbers',
    CONTROL,
    { ...known, producer: '' },
    'not_an_event',
    'producer: a boot id',
  ],
  [
    'an acknowledgement from 0',
    CONTROL,
    { ...known, first: 0 },
    'not_an_event',
    'first: an integer from 1 to 9007199254740991',
  ],
  [
    'an acknowledgement that goes back',
    CONTROL,
    { ...known, last: 2 },
    'not_an_event',
    'last: an integer from first to 9007199254740991, or null',
  ],
  [
    'an acknowledgement by nobody',
    CONTROL,
    { ...known, by: '' },
    'not_an_event',
    'by: a string of 1 to 256 UTF-16 units',
  ],
  [
    'an acknowledgement without a reason',
    CONTROL,
    { ...known, reason: '' },
    'not_an_event',
    'reason: a string of 1 to 1024 UTF-16 units',
  ],
  [
    'an acknowledgement with a doubled member',
    CONTROL,
    JSON.stringify(known).replace('}', ',"first":1}'),
    'not_exact',
    'has a member twice',
  ],
];
