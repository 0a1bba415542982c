#include "text/unicode.h"

#include "base/test.h"

#ifdef HAVE_UTF8PROC
#include <utf8proc.h>
#endif

TEST(every_code_point_has_the_category_that_utf8proc_gives) {
#ifdef HAVE_UTF8PROC
    if (strcmp(utf8proc_unicode_version(), unicode_version) != 0)
        SKIP("libutf8proc knows another version of Unicode");
    int bad = 0;
    for (int32_t c = 0; c < 0x110000; c++) {
        const utf8proc_category_t want = utf8proc_category(c);
        if ((int)want == (int)unicode_category_of((uint32_t)c)) continue;
        if (bad++ < 5)
            CHECK_SAY(false, "U+%04X: %d, utf8proc says %d", (unsigned)c,
                      (int)unicode_category_of((uint32_t)c), (int)want);
    }
    CHECK_SAY(bad == 0, "%d code points differ", bad);
#else
    SKIP("built without libutf8proc");
#endif
}

/* A few from each end of the table, in case utf8proc is missing or of another version. */
TEST(known_characters_have_their_categories) {
    static const struct {
        uint32_t code;
        unicode_category want;
    } known[] = {
        {0, UNI_CC},        {' ', UNI_ZS},      {'!', UNI_PO},        {'$', UNI_SC},
        {'+', UNI_SM},      {'^', UNI_SK},      {'_', UNI_PC},        {'-', UNI_PD},
        {'(', UNI_PS},      {')', UNI_PE},      {0xab, UNI_PI},       {0xbb, UNI_PF},
        {'9', UNI_ND},      {0x2160, UNI_NL},   {0xbd, UNI_NO},       {'A', UNI_LU},
        {'z', UNI_LL},      {0x1c5, UNI_LT},    {0x2b0, UNI_LM},      {0x4e00, UNI_LO},
        {0x301, UNI_MN},    {0x903, UNI_MC},    {0x20dd, UNI_ME},     {0xa9, UNI_SO},
        {0xfffd, UNI_SO},   {0x2028, UNI_ZL},   {0x2029, UNI_ZP},     {0xad, UNI_CF},
        {0xd800, UNI_CS},   {0xe000, UNI_CO},   {0x9fa5, UNI_LO},     {0x3040, UNI_CN},
        {0x10fffd, UNI_CO}, {0x10ffff, UNI_CN}, {0x1f600, UNI_SO},    {0x20000, UNI_LO},
        {0x2a6df, UNI_LO},  {0x110000, UNI_CN}, {UINT32_MAX, UNI_CN},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        CHECK_SAY(unicode_category_of(known[i].code) == known[i].want, "U+%04X: %d",
                  (unsigned)known[i].code, (int)unicode_category_of(known[i].code));
}

/* The property list of the standard, written out. */
TEST(white_space_is_these_25_code_points) {
    static const uint32_t white[] = {0x09,   0x0a,   0x0b,   0x0c,   0x0d,   0x20,   0x85,
                                     0xa0,   0x1680, 0x2000, 0x2001, 0x2002, 0x2003, 0x2004,
                                     0x2005, 0x2006, 0x2007, 0x2008, 0x2009, 0x200a, 0x2028,
                                     0x2029, 0x202f, 0x205f, 0x3000};
    size_t k = 0;
    for (uint32_t c = 0; c < 0x110000; c++) {
        if (!unicode_is_space(c)) continue;
        CHECK_SAY(k < 25 && white[k] == c, "U+%04X", (unsigned)c);
        k++;
    }
    CHECK(k == 25);
}

TESTS_MAIN
