// Which instruction classes make up which variable of Eq. 12.
#include "costmodel/features.h"

namespace mixq::costmodel {

using traces::InstrClass;

Features features(const ClassCounts& counts) {
    const auto of = [&](InstrClass c) { return counts[static_cast<std::size_t>(c)]; };
    return {of(InstrClass::Sisd) + of(InstrClass::Load) + of(InstrClass::Store) +
                of(InstrClass::Branch),
            of(InstrClass::Simd),
            of(InstrClass::Bitop)};
}

ClassCounts real_counts(const traces::Counts& counts) {
    ClassCounts real{};
    for (std::size_t i = 0; i < real.size(); ++i) real[i] = static_cast<double>(counts.by_class[i]);
    return real;
}

Features features(const traces::Counts& counts) {
    return features(real_counts(counts));
}

}  // namespace mixq::costmodel
