/**
 * The one fast path of verification, for the entry point that has nothing else. It never reaches zod, unlike those of
 * reading messages.
 */
import { fastPathsEnabled } from '../fast-paths.ts';
import { installShortcut } from '../verify/shortcut.ts';
import { createEntryReader } from './verify-entry.ts';

if (fastPathsEnabled()) installShortcut(createEntryReader);
