import { describe, test } from 'vitest'
import { expectHits, expectNone } from './scanner.ts'

describe('pii/passport', () => {
  test('named, before it or behind it', () =>
    expectHits('pii/passport', [
      ['passport number: 483574552', '483574552'],
      ['Reisepass C01X00T47', 'C01X00T47'],
      ['EC8424965 is my passport number', 'EC8424965'],
      ['As agreed on the phone, 483574552 is the passport', '483574552'],
      ['护照EC8424965', 'EC8424965'],
    ]))

  test('not by itself, not of another shape, not named otherwise', () =>
    expectNone([
      '483574552',
      'passport photo size 35x45',
      'passport 12345',
      'passport.js version 0.7.0',
      'EC8424965. My passport is lost',
      'passport office, order 483574552',
    ]))
})

describe('pii/driver_license', () => {
  test('named', () =>
    expectHits('pii/driver_license', [
      ["driver's license F5263244", 'F5263244'],
      ['driving licence number: 414 118 054.', '414 118 054'],
      ['my Führerschein: B072RRE2I55'],
    ]))

  test('not by itself, nor under a software licence', () =>
    expectNone(['F5263244', 'license: Apache 2.0', 'license MIT 20240101', '414 118 054']))
})

describe('pii/date_of_birth', () => {
  test('dates that are called one', () =>
    expectHits('pii/date_of_birth', [
      ['DOB: 07/27/1941', '07/27/1941'],
      ['date of birth 1970-03-23', '1970-03-23'],
      ['geboren am 06.02.1981', '06.02.1981'],
      ['she was born on 5 January 1980 in', '5 January 1980'],
      ['born January 5th, 1980.', 'January 5th, 1980'],
      ['1977-12-13 is my birthday', '1977-12-13'],
    ]))

  test('no other date, and no day that does not exist', () =>
    expectNone([
      '1970-03-23',
      'release date 2024-05-01',
      '2024-05-01 handler: birth date=unknown',
      '2024-05-01 birth date: unknown',
      'DOB: 1970-13-43',
      'DOB: 32/13/1970',
      'born in 1980',
      'birthday party at 10:30',
      'DOB 1.2.3',
      'a reborn project of May 5',
    ]))
})

describe('pii/address', () => {
  test('a number beside a street, with a town or a word that names it', () =>
    expectHits('pii/address', [
      ['2853 Elm Road, Suite 200, Bristol BS1 5TR', '2853 Elm Road, Suite 200, Bristol BS1 5TR'],
      ['at 12 Main Street, Springfield, IL 62701.', '12 Main Street, Springfield, IL 62701'],
      ['350 5th Avenue, New York, NY 10118', '350 5th Avenue, New York, NY 10118'],
      ['Lindenweg 11, 80331 München', 'Lindenweg 11, 80331 München'],
      ['38 rue de la Paix, 75002 Paris', '38 rue de la Paix, 75002 Paris'],
      ['Calle Mayor 5, 28013 Madrid', 'Calle Mayor 5, 28013 Madrid'],
      ['I live at 12 Main Street', '12 Main Street'],
      ['12 Main Street\nSpringfield, IL 62701', '12 Main Street\nSpringfield, IL 62701'],
    ]))

  test('not a street alone, a year, or a count', () =>
    expectNone([
      'Main Street is long',
      'In 2024 Wall Street fell',
      'the 2010 Grand Drive was fun',
      '12 angry men on the road',
      '12 Monkeys',
      'chapter 5 Way of the Road',
      'version 12 Main Street',
      'Section 3 via Roma',
      '5 rue',
    ]))
})

describe('pii/coordinates', () => {
  test('degrees, or decimals where the text says what they are', () =>
    expectHits('pii/coordinates', [
      ['GPS: 52.52001, 13.40495', '52.52001, 13.40495'],
      ['location -33.8688,151.2093.', '-33.8688,151.2093'],
      ['76.0806° N, 38.5074° W', '76.0806° N, 38.5074° W'],
      [`40°26'46"N 79°58'56"W`, `40°26'46"N 79°58'56"W`],
      ['{"pos":"40°26\'46\\"N 79°58\'56\\"W"}', `40°26'46\\"N 79°58'56\\"W`],
    ]))

  test('not other pairs of decimals', () =>
    expectNone([
      '52.52001, 13.40495',
      'vector 62.826459, 46.246597',
      'location 95.52001, 13.40495',
      'location 52.52001, 213.40495',
      'coordinates 1.2345, 2.3456, 3.4567',
      'location 52.5, 13.4',
      '20°C and 30°C',
    ]))
})
