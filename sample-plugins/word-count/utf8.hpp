/* SPDX-License-Identifier: MIT
 * UTF-8, one byte at a time, so that a sequence may lie across two reads. */
#ifndef WORD_COUNT_UTF8_HPP
#define WORD_COUNT_UTF8_HPP

#include <cstdint>
#include <string>

namespace word_count
{

/* Stands for a sequence that is not UTF-8.  No code point. */
constexpr std::uint32_t ill_formed = 0xffffffff;

class Decoder
{
public:
    /* Take a byte; call emit(code point) for each character it ends: none, one, or two if it shows
     * that what came before it was ill-formed. */
    template <class Emit> void push(unsigned char byte, Emit emit)
    {
        if (missing_ > 0) {
            if ((byte & 0xc0) == 0x80) {
                value_ = value_ << 6 | (byte & 0x3fU);
                if (--missing_ == 0)
                    emit(checked());
                return;
            }
            missing_ = 0;
            emit(ill_formed);
        }
        if (byte < 0x80)
            emit(std::uint32_t{byte});
        else if (!start(byte))
            emit(ill_formed);
    }

    /* The text ends here. */
    template <class Emit> void end(Emit emit)
    {
        if (missing_ > 0)
            emit(ill_formed);
        missing_ = 0;
    }

private:
    bool start(unsigned char byte);
    std::uint32_t checked() const;

    std::uint32_t value_ = 0, least_ = 0;
    int missing_ = 0; /* bytes that are to follow */
};

/* Append the character, which is a code point. */
void append(std::string &text, std::uint32_t code_point);

/* Is it a part of words?  Beyond ASCII, everything but the blocks of spaces, punctuation, arrows,
 * boxes and pictures is taken for a letter: no table of Unicode is worth its size here. */
bool is_word_character(std::uint32_t code_point);

/* The small letter, in the alphabets where it is a fixed distance away. */
std::uint32_t lower(std::uint32_t code_point);

} // namespace word_count

#endif
