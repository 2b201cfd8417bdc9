// The built-in data set: ten shapes and textures, drawn with integers only so that a seed gives the
// same bytes everywhere. Place, size, angle, colours, lighting, clutter and noise vary; the class is
// the shape alone. Every class looks the same to itself under reflection, so flips may augment it.
#include <algorithm>
#include <array>
#include <cstdlib>

#include "nas/dataset.h"
#include "nas/random.h"

namespace mixq::nas {

namespace {

constexpr int kSide = 32;
constexpr int kClasses = 10;
constexpr int kUnit = 256;  // the shape's nominal radius in its own coordinates
constexpr int kOne = 1 << 12;

using Colour = std::array<int, 3>;

// A rotation without sine or cosine: ((n^2 - m^2), 2 n m) / (n^2 + m^2) for integers n, m lies on the
// unit circle exactly; kOne is 1.
struct Rotation {
    int cosine = kOne;
    int sine = 0;
};

Rotation random_rotation(Random& random) {
    const int n = random.between(-64, 64);
    const int m = random.between(1, 64);
    const int norm = n * n + m * m;
    return {(n * n - m * m) * kOne / norm, 2 * n * m * kOne / norm};
}

bool in_box(int u, int v, int half_width, int half_height) {
    return std::abs(u) <= half_width && std::abs(v) <= half_height;
}

bool in_disc(int u, int v, int radius) {
    return u * u + v * v <= radius * radius;
}

// Is (u, v) on the shape of this class? Coordinates in units of radius / 256.
bool inside(int label, int u, int v) {
    switch (label) {
        case 0:  // disc
            return in_disc(u, v, 215);
        case 1:  // square
            return in_box(u, v, 185, 185);
        case 2:  // triangle, from its three edges
            return v <= 125 && 222 * u - 128 * v <= 125 * 256 && -222 * u - 128 * v <= 125 * 256;
        case 3:  // ring
            return in_disc(u, v, 230) && !in_disc(u, v, 135);
        case 4:  // plus
            return in_box(u, v, 70, 225) || in_box(u, v, 225, 70);
        case 5:  // half disc
            return in_disc(u, v + 90, 245) && v + 90 >= 0;
        case 6:  // stripes
            return in_box(u, v, 210, 210) && ((u + 1024) / 84) % 2 == 0;
        case 7:  // checks
            return in_box(u, v, 210, 210) && ((u + 1024) / 105 + (v + 1024) / 105) % 2 == 0;
        case 8:  // crescent
            return in_disc(u, v, 230) && !in_disc(u - 105, v, 180);
        default:  // two discs
            return in_disc(std::abs(u) - 135, v, 100);
    }
}

class Canvas {
  public:
    void paint(int x, int y, const Colour& colour, int quarters) {
        for (std::size_t c = 0; c < 3; ++c) {
            int& value = at(c, y, x);
            value += (colour[c] - value) * quarters / 4;
        }
    }

    int& at(std::size_t channel, int y, int x) {
        return values_[(channel * kSide + static_cast<std::size_t>(y)) * kSide +
                       static_cast<std::size_t>(x)];
    }

    const std::array<int, 3 * kSide * kSide>& values() const { return values_; }

  private:
    std::array<int, 3 * kSide * kSide> values_{};
};

Colour random_colour(Random& random) {
    return {random.between(30, 225), random.between(30, 225), random.between(30, 225)};
}

// A colour that stands out from another by at least `contrast`, summed over the channels.
Colour contrasting_colour(Random& random, const Colour& other, int contrast) {
    Colour colour;
    int distance = 0;
    do {
        colour = random_colour(random);
        distance = 0;
        for (std::size_t c = 0; c < 3; ++c) {
            distance += std::abs(colour[c] - other[c]);
        }
    } while (distance < contrast);
    return colour;
}

// A flat colour with light falling from one side.
void paint_background(Canvas& canvas, Random& random, const Colour& colour) {
    const int slope_x = random.between(-3, 3);
    const int slope_y = random.between(-3, 3);
    for (int y = 0; y < kSide; ++y) {
        for (int x = 0; x < kSide; ++x) {
            const int light = (x - kSide / 2) * slope_x + (y - kSide / 2) * slope_y;
            canvas.paint(x, y, {colour[0] + light, colour[1] + light, colour[2] + light}, 4);
        }
    }
}

// A stretched, turned shape: four samples a pixel, painted in quarters.
template <typename Inside>
void paint_shape(
    Canvas& canvas, Random& random, int radius_quarters, const Colour& colour, Inside in) {
    const Rotation turn = random_rotation(random);
    const int stretch = random.between(85, 118);          // percent of the width
    const int centre_x = random.between(12 * 4, 20 * 4);  // in quarters of a pixel
    const int centre_y = random.between(12 * 4, 20 * 4);
    for (int y = 0; y < kSide; ++y) {
        for (int x = 0; x < kSide; ++x) {
            int hits = 0;
            for (int sample = 0; sample < 4; ++sample) {
                const int dx = x * 4 + 1 + (sample % 2) * 2 - centre_x;
                const int dy = y * 4 + 1 + (sample / 2) * 2 - centre_y;
                const int u = (dx * turn.cosine + dy * turn.sine) / kOne;
                const int v = (dy * turn.cosine - dx * turn.sine) / kOne;
                hits +=
                    in(u * kUnit * 100 / (radius_quarters * stretch), v * kUnit / radius_quarters)
                        ? 1
                        : 0;
            }
            canvas.paint(x, y, colour, hits);
        }
    }
}

// Bars and blobs that mean nothing.
void paint_clutter(Canvas& canvas, Random& random) {
    const int pieces = random.between(0, 3);
    for (int piece = 0; piece < pieces; ++piece) {
        const Colour colour = random_colour(random);
        const bool bar = random.below(2) == 0;
        const int x = random.between(0, kSide - 1);
        const int y = random.between(0, kSide - 1);
        const int length = bar ? random.between(4, 14) : random.between(1, 3);
        const int step_x = random.between(-1, 1);
        const int step_y = step_x == 0 ? 1 : random.between(-1, 1);
        for (int i = 0; i < length; ++i) {
            const int px = bar ? x + i * step_x : x;
            const int py = bar ? y + i * step_y : y + i;
            for (int wide = 0; wide < (bar ? 1 : length); ++wide) {
                if (px + wide >= 0 && px + wide < kSide && py >= 0 && py < kSide) {
                    canvas.paint(px + wide, py, colour, 3);
                }
            }
        }
    }
}

void draw(int label, Random random, std::vector<std::uint8_t>& pixels) {
    Canvas canvas;
    const Colour ground = random_colour(random);
    const Colour ink = contrasting_colour(random, ground, 125);
    paint_background(canvas, random, ground);
    const int radius_quarters = random.between(7 * 4, 13 * 4);
    paint_clutter(canvas, random);
    paint_shape(canvas, random, radius_quarters, ink, [label](int u, int v) {
        return inside(label, u, v);
    });
    paint_clutter(canvas, random);
    const int noise = random.between(3, 20);
    for (const int value : canvas.values()) {
        // Three uniforms: close enough to a normal distribution of deviation `noise`.
        int sum = 0;
        for (int i = 0; i < 3; ++i) {
            sum += random.between(-noise, noise);
        }
        pixels.push_back(static_cast<std::uint8_t>(std::clamp(value + sum, 0, 255)));
    }
}

ImageSet draw_set(std::uint64_t seed, std::uint64_t kind, int images) {
    ImageSet set;
    set.pixels.reserve(static_cast<std::size_t>(images) *
                       static_cast<std::size_t>(set.image_elements()));
    for (int i = 0; i < images; ++i) {
        const int label = i % kClasses;  // balanced
        set.labels.push_back(static_cast<std::uint8_t>(label));
        draw(label, Random(stream(seed, kind, static_cast<std::uint64_t>(i))), set.pixels);
    }
    return set;
}

}  // namespace

Dataset draw_shapes(std::uint64_t seed, int train_images, int test_images) {
    Dataset dataset;
    dataset.name = "shapes";
    dataset.description = "shapes, drawn from seed " + std::to_string(seed) + ", " +
                          std::to_string(train_images) + " train, " + std::to_string(test_images) +
                          " test";
    dataset.train = draw_set(seed, 1, train_images);
    dataset.test = draw_set(seed, 2, test_images);
    return dataset;
}

}  // namespace mixq::nas
