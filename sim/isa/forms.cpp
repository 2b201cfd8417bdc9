// Look-up in the tables of forms.
#include "sim/isa/form.h"

namespace mixq::sim::isa {

std::uint32_t field(const Form& form, std::uint32_t encoding, char letter) {
    std::uint32_t result = 0;
    int bit = form.width;
    for (char c : form.pattern) {
        if (c == ' ') {
            continue;
        }
        --bit;
        if (c == letter) {
            result = result << 1 | (encoding >> bit & 1);
        }
    }
    return result;
}

std::array<std::span<const Form>, 5> all_forms() {
    return {narrow_forms(), wide_forms(), wide_transfers(), fp_forms(), system_forms()};
}

const Form* find_form(std::uint32_t encoding, int width) {
    for (std::span<const Form> table : all_forms()) {
        for (const Form& form : table) {
            if (form.width == width && form.matches(encoding)) {
                return &form;
            }
        }
    }
    return nullptr;
}

}  // namespace mixq::sim::isa
