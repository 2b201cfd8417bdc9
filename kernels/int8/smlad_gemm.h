// smlad-gemm: the hand-scheduled int8 matrix product, for every pair of bits and every convolution.
#pragma once

#include "kernels/generate/schedule.h"
#include "kernels/kernel.h"

namespace mixq::kernels::int8 {

class SmladGemm final : public Kernel {
  public:
    explicit SmladGemm(generate::Scheduling how = generate::Scheduling::List) : how_(how) {}

    Purpose purpose() const override { return Purpose::Deploy; }

    std::string_view name() const override { return "smlad-gemm"; }

    std::string_view summary() const override {
        return "any convolution but depthwise, and fully connected: bytes in 16-bit lanes, SMLAD, "
               "generated";
    }

    Layout input_layout() const override { return Layout::Planar; }

    std::optional<std::string> refuses(const traces::Layer& layer,
                                       traces::Precision precision) const override;
    PackedLayer pack(const IntegerLayer& layer) const override;
    std::vector<Candidate> candidates(const IntegerLayer& layer) const override;

  private:
    generate::Scheduling how_;
};

}  // namespace mixq::kernels::int8
