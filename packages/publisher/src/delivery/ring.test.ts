import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createRing } from './ring.ts';

test('behaves like an array that is pushed and shifted', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.nat(), fc.constant('shift' as const)), { maxLength: 3_000, size: 'max' }),
      (steps) => {
        const ring = createRing<number>();
        const model: number[] = [];
        for (const step of steps) {
          const shifted = step === 'shift' ? [ring.shift(), model.shift()] : [ring.push(step), void model.push(step)];
          expect([shifted[0], ring.length, ring.peek()]).toEqual([shifted[1], model.length, model[0]]);
        }
      },
    ),
    { numRuns: 30 },
  );
});
