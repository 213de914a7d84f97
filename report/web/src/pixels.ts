// SPDX-License-Identifier: Apache-2.0

/** Pixels is a picture that is made in memory: a hundred thousand rectangles take milliseconds. */
export class Pixels {
  readonly data: Uint32Array<ArrayBuffer>;
  private readonly image: ImageData;

  constructor(readonly width: number, readonly height: number) {
    this.image = new ImageData(Math.max(width, 1), Math.max(height, 1));
    this.data = new Uint32Array(this.image.data.buffer as ArrayBuffer);
  }

  clear(colour: number): void { this.data.fill(colour); }

  rect(x0: number, x1: number, y0: number, y1: number, colour: number): void {
    x0 = Math.max(x0, 0);
    x1 = Math.min(x1, this.width);
    y0 = Math.max(y0, 0);
    y1 = Math.min(y1, this.height);
    if (x0 >= x1) return;
    for (let y = y0; y < y1; y++) this.data.fill(colour, y * this.width + x0, y * this.width + x1);
  }

  /** column is a rectangle of one pixel's width; of several lines only each so many is drawn. */
  column(x: number, y0: number, y1: number, colour: number, each = 1): void {
    if (x < 0 || x >= this.width) return;
    const { data, width, height } = this;
    let y = Math.max(y0, 0);
    if (each > 1) y = Math.min(Math.ceil(y / each) * each, Math.max(y1 - 1, y));
    for (const end = Math.min(y1, height); y < end; y += each) data[y * width + x] = colour;
  }

  put(context: CanvasRenderingContext2D, x: number, y: number): void { context.putImageData(this.image, x, y); }
}
