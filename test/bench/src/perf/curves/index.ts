import { type Curve } from '../curve.js';
import { keysCurve } from './keys-curve.js';
import { podsCurve } from './pods-curve.js';
import { syncCurves } from './sync-curves.js';
import { tablesCurve } from './tables-curve.js';

/** Every curve, in the order of the report. */
export const curves: readonly Curve[] = [keysCurve, tablesCurve, podsCurve, ...syncCurves];

export function curveNamed(name: string): Curve | undefined {
  return curves.find((curve) => curve.name === name);
}
