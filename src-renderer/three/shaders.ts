/** The programs that draw a picture. Interpolation is done here because integer textures cannot be filtered by the GPU. */

export const planeVertex = /* glsl */ `
out vec2 fieldUv;
void main() {
  fieldUv = uv;
  gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0);
}
`

/**
 * INTEGER: the texture holds unsigned integers, exact up to 65535. Otherwise 32-bit floats. OVERLAY: drawn over a picture that shows
 * through; see `overlayAlpha` in colormap.ts.
 */
export const planeFragment = /* glsl */ `
precision highp float;
precision highp int;
precision highp usampler2D;
precision highp sampler2D;

in vec2 fieldUv;
out vec4 color;

#ifdef INTEGER
uniform usampler2D picture;
#else
uniform sampler2D picture;
#endif
uniform sampler2D colorMap;
uniform vec2 limits;
uniform float gamma;
uniform bool smoothPixels;
#ifdef OVERLAY
uniform float opacity;
#endif

float pixel(ivec2 at, ivec2 last) {
  return float(texelFetch(picture, clamp(at, ivec2(0), last), 0).r);
}

float valueAt(vec2 place, ivec2 last) {
  if (!smoothPixels) return pixel(ivec2(floor(place)), last);
  vec2 corner = floor(place - 0.5);
  vec2 part = place - 0.5 - corner;
  ivec2 c = ivec2(corner);
  float top = mix(pixel(c, last), pixel(c + ivec2(1, 0), last), part.x);
  float bottom = mix(pixel(c + ivec2(0, 1), last), pixel(c + ivec2(1, 1), last), part.x);
  return mix(top, bottom, part.y);
}

void main() {
  ivec2 size = textureSize(picture, 0);
  vec2 place = fieldUv * vec2(size);
  // Pixels smaller than the screen's are averaged, or fine structure would turn into a pattern that is not there.
  vec2 step = vec2(abs(dFdx(place.x)) + abs(dFdy(place.x)), abs(dFdx(place.y)) + abs(dFdy(place.y)));
  int samples = int(clamp(ceil(max(step.x, step.y) - 0.01), 1.0, 4.0));
  float sum = 0.0;
  for (int j = 0; j < samples; j++) {
    for (int i = 0; i < samples; i++) {
      vec2 shift = (vec2(float(i), float(j)) + 0.5) / float(samples) - 0.5;
      sum += valueAt(place + shift * step, size - 1);
    }
  }
  float value = sum / float(samples * samples);
  float shade = pow(clamp((value - limits.x) / max(limits.y - limits.x, 1e-6), 0.0, 1.0), gamma);
  color = vec4(texture(colorMap, vec2((shade * 255.0 + 0.5) / 256.0, 0.5)).rgb, 1.0);
#ifdef OVERLAY
  color.a = opacity * min(2.0 * shade, 1.0);
#endif
}
`
