import type { MediaType } from '@waybill/schema/api';
import { ConsumerError } from '../errors.ts';

/**
 * The form of an answer that an `Accept` header prefers (RFC 9110 §12.5.1). Of equal ones, the first of the operation.
 *
 * @throws ConsumerError NOT_ACCEPTABLE
 */
export function chooseForm(forms: readonly [MediaType, ...MediaType[]], accept: string | undefined): MediaType {
  if (accept === undefined || accept.trim() === '') return forms[0];
  const ranges = accept.split(',').map(readRange);
  let best: { form: MediaType; quality: number } | null = null;
  for (const form of forms) {
    const quality = qualityOf(form, ranges);
    if (quality > (best?.quality ?? 0)) best = { form, quality };
  }
  if (best) return best.form;
  const what = `Accept is ${JSON.stringify(accept.slice(0, 256))}: there is ${forms.join(', ')}`;
  throw new ConsumerError('NOT_ACCEPTABLE', what);
}

interface MediaRange {
  readonly type: string;
  readonly quality: number;
}

function readRange(text: string): MediaRange {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  const weight = parameters.find((parameter) => parameter.startsWith('q='));
  const quality = weight === undefined ? 1 : Number(weight.slice(2));
  return { type, quality: quality >= 0 && quality <= 1 ? quality : 0 };
}

/** The most specific range counts. 0: it is not wanted. */
function qualityOf(form: MediaType, ranges: readonly MediaRange[]): number {
  for (const type of [form, `${form.slice(0, form.indexOf('/'))}/*`, '*/*']) {
    const range = ranges.find((one) => one.type === type);
    if (range) return range.quality;
  }
  return 0;
}
