"""Tables from CSV and Parquet files."""

from __future__ import annotations

import gzip
import sys
import warnings

import numpy as np
import pandas as pd
import pytest

from steep.data import read_table


@pytest.fixture
def write(tmp_path):
    def writer(text, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return writer


def columns(table):
    return {name: table[name].tolist() for name in table}


def test_types_are_inferred(write):
    path = write(
        "n,x,city,ok,day\n1,0.5,Bern,True,2024-01-31\n2,,Uri,False,\n3,NA,,True,2024-02-01"
    )
    table = read_table(path)
    kinds = [table[name].dtype.kind for name in table]
    assert kinds[:2] + kinds[3:] == ["i", "f", "b", "M"]
    assert table["city"].tolist()[:2] == ["Bern", "Uri"]
    assert table.isna().sum().tolist() == [0, 2, 1, 0, 1]
    assert table["day"].dt.month.tolist()[::2] == [1, 2]


def test_text_that_is_not_all_dates_stays_text(write):
    table = read_table(write("a\n2024-01-31\nlater\n"))
    assert table["a"].tolist() == ["2024-01-31", "later"]
    table = read_table(write("a\n2024-01-31\n2024-13-31\n"))
    assert table["a"].tolist() == ["2024-01-31", "2024-13-31"]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_are_found(write, separator):
    text = 'a,"b;,c",d\n1,2,"x"\n'.replace('"b;,c"', "?").replace(",", separator)
    text = text.replace("?", '"b;,|c"')
    assert columns(read_table(write(text))) == {"a": [1], "b;,|c": [2], "d": ["x"]}


def test_options(write):
    path = write("a;b\n1,5;?\n2;7\n")
    assert read_table(path, decimal=",", missing=["?"])["a"].tolist() == [1.5, 2.0]
    assert np.isnan(read_table(path, missing=["?"])["b"][0])
    path = write("a,b\n1,é\n".encode("latin-1"), "latin.csv")
    assert read_table(path, encoding="latin-1")["b"].tolist() == ["é"]
    assert columns(read_table(write("a b,c\n1,2\n", "x.data"))) == {"a b": [1], "c": [2]}
    assert columns(read_table(write("a,b\n1,2\n", "x.dat"), format="csv")) == {"a": [1], "b": [2]}
    assert columns(read_table(write("a,b,c\n1,2,3\n"), columns=["c", "a"])) == {"c": [3], "a": [1]}


def test_names_in_the_first_line(write):
    path = write("1,2\n3,4\n")
    with pytest.raises(ValueError, match=r"got numbers \(1, 2, ...\); say header=False"):
        read_table(path)
    assert columns(read_table(path, header=False)) == {"x0": [1, 3], "x1": [2, 4]}
    assert columns(read_table(path, header=True)) == {"1": [3], "2": [4]}
    assert columns(read_table(write("\ufeffa, b\n1, x\n"))) == {"a": [1], "b": ["x"]}


def test_columns_without_a_name(write):
    table = read_table(write(",a,\n0,5,x\n1,6,y\n"))
    assert list(table) == ["Unnamed: 0", "a", "Unnamed: 2"]


def test_compressed(write):
    assert columns(read_table(write(gzip.compress(b"a,b\n1,2\n"), "t.csv.gz"))) == {
        "a": [1],
        "b": [2],
    }
    with pytest.raises(ValueError, match="the compressed file is damaged"):
        read_table(write(b"\x1f\x8bnot really", "bad.csv.gz"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "got an empty file"),
        ("\n\n", "got an empty file"),
        ("a,b\n", "at least one row"),
        ("a,b,a\n1,2,3\n", "'a' more than once; rename or drop"),
        ("a,b\n1,2,3\n4,5\n", "unequal numbers of fields"),
        ("a,b\n1,2\n4,5,6\n", "unequal numbers of fields .*line 3, saw 3"),
        ('a,b\n"1,2\n', "unequal numbers of fields"),
        ("a,b\n1,é\n".encode("latin-1"), "text in utf-8, got the byte 0xe9; say encoding="),
    ],
)
def test_what_is_no_table(write, text, message):
    with pytest.raises(ValueError, match=message) as caught:
        read_table(write(text))
    assert "table.csv" in str(caught.value)


def test_fields_beyond_the_names_are_no_warning_that_one_may_switch_off(write):
    path = write("a,b\n1,2,3\n4,5\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match="unequal numbers of fields"):
            read_table(path)


def test_short_rows_end_in_missing_values(write):
    assert read_table(write("a,b\n1,2\n3\n")).isna().to_numpy().tolist() == [
        [False, False],
        [False, True],
    ]
    assert columns(read_table(write("a,b\n1,2,\n3,4,\n"))) == {"a": [1, 3], "b": [2, 4]}


def test_files_that_are_not_there(write, tmp_path):
    write("a\n1\n", "people.csv")
    with pytest.raises(FileNotFoundError, match=r"did you mean 'people.csv'\?"):
        read_table(tmp_path / "poeple.csv")
    with pytest.raises(ValueError, match=r"the address https://host/a\.csv; download it first"):
        read_table("https://host/a.csv")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        read_table(tmp_path / "nowhere" / "x.csv")
    with pytest.raises(IsADirectoryError, match="got the folder"):
        read_table(tmp_path)
    with pytest.raises(ValueError, match=r"ends in .csv, .*, got x.xlsx; say format="):
        read_table(write("", "x.xlsx"))
    with pytest.raises(ValueError, match="'csv' or 'parquet', got 'xml'"):
        read_table(write("", "x.xml"), format="xml")
    with pytest.raises(ValueError, match=r"no column 'Age' \(did you mean 'age'\?\)"):
        read_table(write("age,b\n1,2\n"), columns=["Age"])


def test_parquet(write, tmp_path):
    frame = pd.DataFrame({"n": [1, 2], "c": pd.Categorical(["u", "v"]), "x": [0.5, None]})
    path = tmp_path / "t.parquet"
    frame.to_parquet(path)
    pd.testing.assert_frame_equal(read_table(path), frame)
    assert list(read_table(path, columns=["x"])) == ["x"]
    with pytest.raises(ValueError, match=r"no column 'N' \(did you mean 'n'\?\)"):
        read_table(path, columns=["N"])
    with pytest.raises(ValueError, match=r"not a Parquet file"):
        read_table(write("a,b\n1,2\n", "false.parquet"))
    with pytest.raises(ValueError, match=r"damaged|not a Parquet file"):
        read_table(write(path.read_bytes()[:-30], "cut.parquet"))
    frame.iloc[:0].to_parquet(path)
    with pytest.raises(ValueError, match="at least one row"):
        read_table(path)


def test_parquet_with_a_name_twice(tmp_path):
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.Table.from_arrays([pyarrow.array([1]), pyarrow.array([2])], ["a", "a"])
    pyarrow.parquet.write_table(table, tmp_path / "twice.parquet")
    with pytest.raises(ValueError, match="'a' more than once"):
        read_table(tmp_path / "twice.parquet")


def test_without_pandas(write, monkeypatch):
    path = write("a\n1\n")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"needs pandas: pip install 'steep\[tables\]'"):
        read_table(path)


def test_decimal_commas_between_semicolons_are_read(tmp_path):
    path = tmp_path / "european.csv"
    path.write_text("size;town;count;pair\n1,5;Zug;3;1,2 3,4\n-2;Uri;4;5\n;Bern;5;6\n,25e1;;6;7\n")
    table = read_table(path)
    assert table["size"].tolist()[:2] == [1.5, -2.0]
    assert np.isnan(table["size"][2])
    assert table["size"][3] == 2.5
    assert table["count"].tolist() == [3, 4, 5, 6]
    assert table["pair"][0] == "1,2 3,4"
    assert read_table(path, decimal=".")["size"][0] == "1,5"
    path.write_text("size;pair\n1.5;1,2\n2;3,4\n")
    assert read_table(path)["pair"].tolist() == ["1,2", "3,4"]


def test_an_unknown_encoding_is_named(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a\n1\n")
    with pytest.raises(ValueError, match="encoding such as 'utf-8' or 'latin-1', got 'utf9'"):
        read_table(path, encoding="utf9")


def test_digits_that_begin_with_zeros_stay_text(write):
    text = "zip,code,n,x,gap\n00501,7,10,0.5,01\n12345,8,0,1.05,\n"
    expected = {"zip": ["00501", "12345"], "code": [7, 8], "n": [10, 0], "x": [0.5, 1.05]}
    for name, data in [("t.csv", text.encode()), ("t.csv.gz", gzip.compress(text.encode()))]:
        table = read_table(write(data, name))
        assert table.pop("gap").tolist()[0] == "01"
        assert columns(table) == expected
    semicolons = write("a;b\n1,5;01\n2;10\n")
    assert columns(read_table(semicolons)) == {"a": [1.5, 2.0], "b": ["01", "10"]}
    wide = write("a,b\n01,2\n".encode("utf-16"))
    assert columns(read_table(wide, encoding="utf-16")) == {"a": ["01"], "b": [2]}
    assert columns(read_table(write("01,2\n"), header=False)) == {"x0": ["01"], "x1": [2]}


def test_commas_that_group_digits(write):
    path = write('a,b,c,d\n"1,234","12,345.5","1,23",x\n7,"-1,000,000","2,345",y\n')
    assert columns(read_table(path)) == {
        "a": [1234.0, 7.0], "b": [12345.5, -1e6], "c": ["1,23", "2,345"], "d": ["x", "y"]
    }  # fmt: skip
    table = read_table(write("a;b\n1.234,50;1,5\n2,5;-1.000\n"))
    assert columns(table) == {"a": [1234.5, 2.5], "b": [1.5, -1000.0]}
    said = read_table(write('a,b\n"1.234,50",1\n"2,5",2\n'), decimal=",")
    assert columns(said) == {"a": [1234.5, 2.5], "b": [1, 2]}
    # Where the comma is the decimal mark, it groups nothing.
    assert columns(read_table(write('a\n"1,234"\n"2,5"\n'), decimal=",")) == {"a": [1.234, 2.5]}


@pytest.mark.parametrize(
    ("text", "slashes"),
    [
        ("31.12.2023\n1.2.2024", None),
        ("2023/12/31\n2024/2/1", None),
        ("31/12/2023\n1/2/2024", "day-first"),
        ("12/31/2023\n2/1/2024", "month-first"),
    ],
)
def test_dates_in_other_ways_of_writing(write, text, slashes):
    days = read_table(write(f"d\n{text}\n"), slashes=slashes)["d"]
    assert days.dt.strftime("%Y-%m-%d").tolist() == ["2023-12-31", "2024-02-01"]
    timed = "d\n" + text.replace("\n", " 9:30\n") + " 18:05\n"
    assert read_table(write(timed), slashes=slashes)["d"].dt.hour.tolist() == [9, 18]
    later = read_table(write(f"d\n{text}\nlater\n"), slashes=slashes)["d"]
    assert later.tolist() == [*text.split("\n"), "later"]


def test_slashes_say_nothing_by_themselves(write):
    path = write("d\n31/12/2023\n")
    assert read_table(path)["d"].tolist() == ["31/12/2023"]
    with pytest.raises(ValueError, match="expected slashes 'day-first', 'month-first' or None"):
        read_table(path, slashes="usa")


def test_blanks_around_text_are_no_part_of_it(write):
    table = read_table(write("a,b\nyes ,1 \n yes,2\n yes  , 3\n"))
    assert columns(table) == {"a": ["yes"] * 3, "b": [1, 2, 3]}
    table = read_table(write("a\nTrue\n\nFalse\n", "t.csv"))  # an empty line is no row
    assert columns(table) == {"a": [True, False]}


@pytest.mark.parametrize(
    ("texts", "numbers", "unit"),
    [
        (['"$1,234.50"', "$ 7", "-$3", "$-2.5"], [1234.5, 7.0, -3.0, -2.5], "$"),
        (["45%", "7.5 %", "-0.1%", ".5%"], [45.0, 7.5, -0.1, 0.5], "%"),
        (["12 €", "3€", "0 €", "007 €"], [12.0, 3.0, 0.0, 7.0], "€"),
        (["£5", "NA", "£6", "£7"], [5.0, None, 6.0, 7.0], "£"),
    ],
)
def test_numbers_with_a_unit(write, texts, numbers, unit):
    path = write("a,b\n" + "".join(f"{text},x\n" for text in texts))
    table = read_table(path)
    assert table.attrs["units"] == {"a": unit}
    assert [None if a != a else a for a in table["a"]] == numbers
    assert table["b"].tolist() == ["x"] * 4


@pytest.mark.parametrize(
    "texts", [["$5", "€5"], ["$5", "6"], ["$5", "%5"], ["-$-5", "$5"], ["$5%", "$6%"],
              ["$1,23", "$4"], ["$", "$5"], ["$1.2M", "$3M"], ["5%%", "6%%"], ["C$5", "C$6"]],
)  # fmt: skip
def test_texts_that_are_no_numbers_of_one_unit(write, texts):
    path = write("a\tb\n" + "".join(f"{text}\tx\n" for text in texts), "t.tsv")
    table = read_table(path)
    assert table["a"].tolist() == texts
    assert table.attrs["units"] == {}


def test_units_beside_decimal_commas(write):
    path = write("a;b;c;d\n1.234,50 €;3 %;1.234 €;5.5 $\n2 €;4,5%;2.000 €;7.25 $\n")
    table = read_table(path)
    assert table.attrs["units"] == {"a": "€", "b": "%", "d": "$"}
    assert table["a"].tolist() == [1234.5, 2.0]
    assert table["b"].tolist() == [3.0, 4.5]
    assert table["c"].tolist() == ["1.234 €", "2.000 €"]  # 1234, or 1.234?
    assert table["d"].tolist() == [5.5, 7.25]
