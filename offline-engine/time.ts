/** Now, in UTC, as Go writes a time. */
export function isoTime(): string {
    return new Date().toISOString();
}

const units: readonly (readonly [seconds: number, text: (n: number) => string])[] = [
    [1, () => "now"],
    [2, () => "1 second ago"],
    [60, (s) => `${s.toString()} seconds ago`],
    [120, () => "1 minute ago"],
    [3600, (s) => `${Math.floor(s / 60).toString()} minutes ago`],
    [7200, () => "1 hour ago"],
    [86_400, (s) => `${Math.floor(s / 3600).toString()} hours ago`],
    [172_800, () => "1 day ago"],
    [604_800, (s) => `${Math.floor(s / 86_400).toString()} days ago`],
    [1_209_600, () => "1 week ago"],
    [2_592_000, (s) => `${Math.floor(s / 604_800).toString()} weeks ago`],
    [5_184_000, () => "1 month ago"],
    [31_104_000, (s) => `${Math.floor(s / 2_592_000).toString()} months ago`],
    [46_656_000, () => "1 year ago"],
    [62_208_000, () => "2 years ago"],
    [Infinity, (s) => `${Math.floor(s / 31_104_000).toString()} years ago`],
];

/** How long ago a time was, in the words of go-humanize. */
export function ago(time: string): string {
    const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(time)) / 1000));
    return units.find(([limit]) => seconds < limit)?.[1](seconds) ?? "";
}
