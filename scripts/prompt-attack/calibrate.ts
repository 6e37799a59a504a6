/** A sum by a model that had not seen the text, and what the text is. */
interface Judged {
  readonly sum: number
  readonly attack: boolean
}

/** Platt scaling: the slope and offset by which the sums say best how often a text is an attack. By Newton's method. */
export function calibrate(judged: readonly Judged[]): { slope: number; offset: number } {
  let slope = 1
  let offset = 0
  for (let round = 0; round < 50; round++) {
    let [gradient, base, curve, cross, baseCurve] = [0, 0, 1e-6, 0, 1e-6]
    for (const { sum, attack } of judged) {
      const chance = 1 / (1 + Math.exp(-(slope * sum + offset)))
      const error = chance - Number(attack)
      const spread = chance * (1 - chance)
      gradient += error * sum
      base += error
      curve += spread * sum * sum
      cross += spread * sum
      baseCurve += spread
    }
    const determinant = curve * baseCurve - cross * cross
    slope -= (gradient * baseCurve - base * cross) / determinant
    offset -= (base * curve - gradient * cross) / determinant
  }
  return { slope, offset }
}
