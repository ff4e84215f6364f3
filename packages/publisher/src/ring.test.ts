import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createRing } from './ring.ts';

test('behaves like an array that is pushed and shifted', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.nat(), fc.constant('shift' as const)), { maxLength: 3_000, size: 'max' }), (steps) => {
      const ring = createRing<number>();
      const model: number[] = [];
      for (const step of steps) {
        if (step === 'shift') expect(ring.shift()).toBe(model.shift());
        else {
          ring.push(step);
          model.push(step);
        }
        expect(ring.length).toBe(model.length);
        expect(ring.peek()).toBe(model[0]);
      }
    }),
    { numRuns: 30 },
  );
});
