"""The tokenizer against ids published with CLIP's models."""

from pathlib import Path

from trainer.contract.prompt_chunks import COMMA
from trainer.files import sha256
from trainer.library.vocabulary import VOCABULARY, byte_characters
from trainer.models.tokenizer import chunk_ids, clip_tokenizer, token_ids, word_ids, write_vocabulary


def test_the_vocabulary_is_the_file_that_its_readme_names() -> None:
    digest = sha256(VOCABULARY)
    assert digest == "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a"
    assert digest in (VOCABULARY.parent / "README.md").read_text("utf-8")


def test_known_prompts_have_known_ids() -> None:
    tokenizer = clip_tokenizer(pad_with_end=True)
    assert len(tokenizer) == 49_408
    astronaut = [49406, 320, 1125, 539, 550, 18376, 6765, 320, 4558, 49407]
    assert tokenizer("a photo of an astronaut riding a horse")["input_ids"] == astronaut
    assert tokenizer("A  Photo\nof an ASTRONAUT riding a horse")["input_ids"] == astronaut
    assert tokenizer("hi!")["input_ids"] == [49406, 1883, 256, 49407]
    assert tokenizer("")["input_ids"] == [49406, 49407]


def test_prompts_are_padded_to_77_as_the_family_was_trained() -> None:
    sd1, sd2 = (token_ids(clip_tokenizer(pad_with_end=end), ["hi!", "cat " * 200]) for end in (True, False))
    assert sd1.shape == sd2.shape == (2, 77)
    assert sd1[0].tolist() == [49406, 1883, 256] + [49407] * 74
    assert sd2[0].tolist() == [49406, 1883, 256, 49407] + [0] * 73
    assert sd1[1].tolist() == sd2[1].tolist() == [49406] + [2368] * 75 + [49407]


def test_a_chunk_is_padded_as_a_prompt_of_its_own() -> None:
    for end in (True, False):
        tokenizer = clip_tokenizer(pad_with_end=end)
        texts = ["hi!", "", "cat " * 75, "a photo of an ASTRONAUT's  horse"]
        assert chunk_ids(tokenizer, word_ids(tokenizer, texts)).equal(token_ids(tokenizer, texts))
    assert word_ids(tokenizer, ["cat " * 80]) == [[2368] * 80]
    assert word_ids(tokenizer, ["a, b"]) == [[320, COMMA, 321]]
    assert word_ids(tokenizer, []) == []


def test_any_text_survives_and_the_alphabet_has_every_byte_once(tmp_path: Path) -> None:
    assert len(set(byte_characters())) == 256
    tokenizer = clip_tokenizer(pad_with_end=True)
    for text in ("日本語 🎨", "naïve café", "\x00\x7f", "<|endoftext|> in a prompt"):
        ids = token_ids(tokenizer, [text])
        assert ids.min() >= 0
        assert ids.max() <= 49_407


def test_written_vocabulary_gives_the_same_tokenizer(tmp_path: Path) -> None:
    from transformers import CLIPTokenizer

    write_vocabulary(tmp_path)
    theirs = CLIPTokenizer.from_pretrained(tmp_path, local_files_only=True)
    text = "a mascot, 3 legs & it's naïve!"
    assert theirs(text)["input_ids"] == clip_tokenizer(pad_with_end=True)(text)["input_ids"]
