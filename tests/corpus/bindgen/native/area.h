#include <stdarg.h>
#include <stdint.h>

/* bindgen must read the headers of the C library that the program is linked with. */
#ifdef __GLIBC__
#define ON_GLIBC 1
#else
#define ON_GLIBC 0
#endif

uint32_t area(uint32_t width, uint32_t height);
