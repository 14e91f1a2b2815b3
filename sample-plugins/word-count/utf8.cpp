/* SPDX-License-Identifier: MIT */
#include "utf8.hpp"

namespace word_count
{

bool Decoder::start(unsigned char byte)
{
    if (byte >= 0xc2 && byte <= 0xdf) {
        missing_ = 1;
        value_ = byte & 0x1fU;
        least_ = 0x80;
    } else if (byte >= 0xe0 && byte <= 0xef) {
        missing_ = 2;
        value_ = byte & 0x0fU;
        least_ = 0x800;
    } else if (byte >= 0xf0 && byte <= 0xf4) {
        missing_ = 3;
        value_ = byte & 0x07U;
        least_ = 0x10000;
    }
    return missing_ > 0;
}

/* The code point, unless it is written longer than it need be, a surrogate, or too large. */
std::uint32_t Decoder::checked() const
{
    bool surrogate = value_ >= 0xd800 && value_ <= 0xdfff;

    return value_ < least_ || surrogate || value_ > 0x10ffff ? ill_formed : value_;
}

void append(std::string &text, std::uint32_t c)
{
    auto byte = [&text](std::uint32_t b) { text.push_back(static_cast<char>(b)); };

    if (c < 0x80) {
        byte(c);
        return;
    }
    if (c < 0x800) {
        byte(0xc0 | c >> 6);
    } else {
        if (c < 0x10000) {
            byte(0xe0 | c >> 12);
        } else {
            byte(0xf0 | c >> 18);
            byte(0x80 | (c >> 12 & 0x3f));
        }
        byte(0x80 | (c >> 6 & 0x3f));
    }
    byte(0x80 | (c & 0x3f));
}

bool is_word_character(std::uint32_t c)
{
    if (c < 0x80)
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_';
    if (c < 0xc0)
        return c == 0xaa || c == 0xb5 || c == 0xba; /* the letters among the signs of Latin-1 */
    if (c == 0xd7 || c == 0xf7 || c == 0x1680 || c == 0xfeff || c == ill_formed)
        return false;
    if (c >= 0x2000 && c <= 0x2bff) /* punctuation to arrows; within, letter-like signs */
        return c >= 0x2100 && c <= 0x214f;
    return !((c >= 0x3000 && c <= 0x3004) || (c >= 0x3008 && c <= 0x3020) || /* CJK punctuation */
             (c >= 0xe000 && c <= 0xf8ff) ||                                 /* private use */
             (c >= 0xff00 && c <= 0xff0f) || (c >= 0xff1a && c <= 0xff20) || /* full-width signs */
             (c >= 0x1f000 && c <= 0x1faff));                                /* pictures */
}

std::uint32_t lower(std::uint32_t c)
{
    if ((c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7) || /* ASCII, Latin-1 */
        (c >= 0x391 && c <= 0x3a9 && c != 0x3a2) ||                        /* Greek */
        (c >= 0x410 && c <= 0x42f))                                        /* Cyrillic */
        return c + 0x20;
    return c >= 0x400 && c <= 0x40f ? c + 0x50 : c; /* more Cyrillic */
}

} // namespace word_count
