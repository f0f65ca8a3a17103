// A small load for the two services: LOAD_RATE requests a second, of which the part LOAD_FAULTS asks for a fault, until
// it is stopped. It is no service and sends no spans.

const target = process.env.VIDEO_INGESTION_URL ?? 'http://127.0.0.1:8100';
const rate = positive('LOAD_RATE', 2);
const faulty = positive('LOAD_FAULTS', 0.02);

const faults = ['upload', 'preprocessing', 'model', 'slow'];
const plans = ['free', 'free', 'free', 'premium', 'premium', 'club'];

function positive(name: string, byDefault: number): number {
  const value = Number(process.env[name] ?? byDefault);
  if (!(value >= 0)) {
    throw new Error(`${name} is ${process.env[name]}, which is no number from 0 on`);
  }
  return value;
}

function oneOf(values: string[]): string {
  return values[Math.floor(Math.random() * values.length)] ?? '';
}

async function upload(nth: number): Promise<void> {
  try {
    const response = await fetch(`${target}/videos/match-${nth}`, {
      method: 'POST',
      headers: { 'x-user-plan': oneOf(plans), 'x-fault': Math.random() < faulty ? oneOf(faults) : '' },
    });
    await response.arrayBuffer();
  } catch (error) {
    // fetch says no more than that it failed; why is in the cause.
    console.error(`${target} does not answer: ${error instanceof Error ? (error.cause ?? error.message) : error}`);
  }
}

let sent = 0;
if (rate > 0) {
  setInterval(() => void upload(++sent), 1000 / rate);
}
console.log(`${rate} requests a second to ${target}, ${100 * faulty}% of them with a fault`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => process.exit());
}
