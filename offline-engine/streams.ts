/** Numbers the output streams of child processes: what comes from one is shown as one text. */
export class Streams {
    private last = 0;

    next(): number {
        return ++this.last;
    }
}
