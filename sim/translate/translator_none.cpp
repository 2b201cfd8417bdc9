// In place of the translator, on hosts it cannot write code for.
#include <stdexcept>
#include <utility>

#include "sim/translate/translator.h"

namespace mixq::sim {

struct Translator::State {};

Translator::Translator(Host) {
    throw std::runtime_error("this host has no translator");
}

Translator::~Translator() = default;

bool Translator::available() {
    return false;
}

Translation& Translator::find(std::uint32_t) {
    throw std::runtime_error("this host has no translator");
}

Translation& Translator::find_next(Translation& from, std::uint32_t) {
    return from;
}

void Translator::forget() {
}

}  // namespace mixq::sim
