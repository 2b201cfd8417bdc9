// The program around a network: gives it the built-in input, runs it, prints what came out.
#include <stdint.h>
#include <string.h>

#include "device/semihosting.h"

// network.c and constants.S of the firmware.
extern uint8_t mixq_input[];
extern const uint8_t mixq_output[];
extern const uint8_t mixq_input_image[];
extern const uint32_t mixq_input_bytes;
extern const uint32_t mixq_output_bytes;
extern const uint32_t mixq_calls;
void mixq_network_run(void);

int main(void) {
    for (uint32_t call = 0; call < mixq_calls; ++call) {
        // Every time: later layers overwrite the input, which lies in the same memory.
        memcpy(mixq_input, mixq_input_image, mixq_input_bytes);
        mixq_network_run();
    }
    mixq_print("mixq_output\n");
    mixq_print_hex(mixq_output, mixq_output_bytes);
    return 0;
}
