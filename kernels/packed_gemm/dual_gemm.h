// dual-gemm: two output channels, or two positions, in one 16-bit lane (see plan.h).
#pragma once

#include "kernels/generate/schedule.h"
#include "kernels/kernel.h"

namespace mixq::kernels::packed_gemm {

class DualGemm final : public Kernel {
  public:
    explicit DualGemm(generate::Scheduling how = generate::Scheduling::List) : how_(how) {}

    Purpose purpose() const override { return Purpose::Deploy; }

    std::string_view name() const override { return "dual-gemm"; }

    std::string_view summary() const override {
        return "1x1, fully connected and other convolutions: two output channels or positions per "
               "16-bit lane, SMLAD, generated";
    }

    Layout input_layout() const override { return Layout::Planar; }

    std::optional<std::string> refuses(const traces::Layer& layer,
                                       traces::Precision precision) const override;
    PackedLayer pack(const IntegerLayer& layer) const override;
    std::vector<Candidate> candidates(const IntegerLayer& layer) const override;

  private:
    generate::Scheduling how_;
};

}  // namespace mixq::kernels::packed_gemm
