import { describe } from '@jest/globals';
import { itPlaysSeeds } from './seeds.js';

describe('two regions with faults', () => itPlaysSeeds(2, 2));
