package simulator

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"math"
)

// photoSizes are the sizes that Graph cuts photos to.
var photoSizes = map[string]int{
	"48x48": 48, "64x64": 64, "96x96": 96, "120x120": 120, "240x240": 240,
	"360x360": 360, "432x432": 432, "504x504": 504, "648x648": 648,
}

// portrait draws the photo of a person who does not exist, the same for the
// same name: head and shoulders before a soft gradient, as a JPEG.
func portrait(name string, size int) ([]byte, error) {
	seed := keyOf("portrait 75", name)
	tone := func(n byte, of []color.RGBA) color.RGBA { return of[int(n)%len(of)] }
	sky := tone(seed[0], []color.RGBA{{0x8e, 0xc5, 0xfc, 255}, {0xf6, 0xd3, 0x65, 255}, {0xa8, 0xe0, 0xb4, 255}, {0xd4, 0xb5, 0xf0, 255}})
	ground := tone(seed[1], []color.RGBA{{0x3b, 0x6e, 0xa5, 255}, {0xb8, 0x5c, 0x38, 255}, {0x2f, 0x7d, 0x5b, 255}, {0x5f, 0x4b, 0x8b, 255}})
	skin := tone(seed[2], []color.RGBA{{0xf1, 0xc9, 0xa5, 255}, {0xc6, 0x86, 0x5a, 255}, {0x8d, 0x55, 0x36, 255}, {0xe3, 0xb1, 0x8b, 255}})
	hair := tone(seed[3], []color.RGBA{{0x2b, 0x1d, 0x16, 255}, {0x5a, 0x3a, 0x22, 255}, {0x1b, 0x1b, 0x22, 255}, {0x8a, 0x5a, 0x2b, 255}})
	coat := tone(seed[4], []color.RGBA{{0x24, 0x35, 0x4f, 255}, {0x6d, 0x28, 0x3a, 255}, {0x27, 0x54, 0x4b, 255}, {0x4a, 0x4a, 0x55, 255}})

	canvas := image.NewRGBA(image.Rect(0, 0, size, size))
	for y := range size {
		line := image.Rect(0, y, size, y+1)
		draw.Draw(canvas, line, image.NewUniform(mix(sky, ground, float64(y)/float64(size))), image.Point{}, draw.Src)
	}
	for _, part := range []struct {
		oval
		tone color.RGBA
	}{
		{oval{0.50, 0.40, 0.215, 0.25}, hair},
		{oval{0.50, 1.06, 0.40, 0.36}, coat},
		{oval{0.50, 0.68, 0.085, 0.13}, mix(skin, hair, 0.15)},
		{oval{0.50, 0.44, 0.165, 0.205}, skin},
		{oval{0.50, 0.265, 0.165, 0.075}, hair},
	} {
		mask := ovalMask{part.oval, float64(size)}
		draw.DrawMask(canvas, canvas.Bounds(), image.NewUniform(part.tone), image.Point{}, mask, image.Point{}, draw.Over)
	}
	var out bytes.Buffer
	err := jpeg.Encode(&out, canvas, &jpeg.Options{Quality: 88})
	return out.Bytes(), err
}

// oval is an ellipse in fractions of the picture.
type oval struct{ x, y, rx, ry float64 }

type ovalMask struct {
	oval
	size float64
}

func mix(a, b color.RGBA, part float64) color.RGBA {
	blend := func(x, y uint8) uint8 { return uint8(math.Round(float64(x)*(1-part) + float64(y)*part)) }
	return color.RGBA{blend(a.R, b.R), blend(a.G, b.G), blend(a.B, b.B), 255}
}

func (m ovalMask) ColorModel() color.Model { return color.AlphaModel }

func (m ovalMask) Bounds() image.Rectangle { return image.Rect(0, 0, int(m.size), int(m.size)) }

// At softens the edge over one pixel.
func (m ovalMask) At(x, y int) color.Color {
	dx := (float64(x)+0.5)/m.size - m.x
	dy := (float64(y)+0.5)/m.size - m.y
	away := (1 - math.Hypot(dx/m.rx, dy/m.ry)) * min(m.rx, m.ry) * m.size
	return color.Alpha{uint8(255 * min(max(away+0.5, 0), 1))}
}
