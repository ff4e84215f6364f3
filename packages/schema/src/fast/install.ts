/**
 * The `fast/` room: second ways of doing what the rooms below do, for speed alone. Each file here names the plain way
 * that is its specification, and has a property test that holds the two together on valid and invalid input. A fast
 * path says nothing about input that it does not know; the plain way then decides.
 *
 * Nothing imports this room but the entry points: `index.ts` and `internal.ts` import this file, and `verify.ts` the
 * one for verification. They put the fast paths into the seams of the rooms below, unless `WAYBILL_FAST=0`. Without this
 * folder and these imports everything still works, slower.
 */
import { installEventRecognizer } from '../event/event.ts';
import { fastPathsEnabled } from '../fast-paths.ts';
import { installCorePrinter } from '../ledger/running-head.ts';
import { installArtifactRecognizer } from '../message/built-in-data.ts';
import { installFactReader } from '../message/read-message.ts';
import { installTextStamp } from '../message/stamp.ts';
import { isCertainlyArtifactData } from './check-artifact.ts';
import { isCertainlyAnEvent } from './check-event.ts';
import { printCore } from './print-entry.ts';
import { createFastTextStamp } from './print-event.ts';
import { readEventFacts } from './read-event.ts';
import './install-shortcut.ts';

if (fastPathsEnabled()) {
  installEventRecognizer(isCertainlyAnEvent);
  installArtifactRecognizer(isCertainlyArtifactData);
  installTextStamp(createFastTextStamp);
  installFactReader(readEventFacts);
  installCorePrinter(printCore);
}
