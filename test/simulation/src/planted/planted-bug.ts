/** A safeguard of the product that is taken out while a run lasts. */
export interface PlantedBug {
  readonly name: string;
  /** Its number in the list of hazards. */
  readonly hazard: number;
  /** Returns what mends it. */
  readonly plant: () => () => void;
}
