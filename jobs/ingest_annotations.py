"""Take in annotation exports, the JSON lines of annotations.path or generated ones, to silver.annotation.

All labels are in bronze.annotation; lines that are no label go to bronze.annotation_rejected with their
reason. Of an annotator's labels for a field of a document the newest is in silver.annotation. The tables hold
what the folder holds.
"""

from invoicelake.job import Run, execute, kept
from invoicelake.sources.annotations import LINES, delivered_annotations, parser
from invoicelake.sources.delivered_files import input_place, line_balance, read_delivered, require_all_kept
from invoicelake.sources.generated.trade.annotation_files import annotation_files
from invoicelake.sources.receivables import rejected_lines
from invoicelake.transforms.annotations import newest_annotations
from invoicelake.transforms.arrow import map_rows


def main(run: Run) -> None:
    """Read all files, and write what changed."""
    settings, source = run.suite.annotations, run.suite.annotations.source_name
    landing, own = run.lake.side_folder("landing/annotations"), f"source = '{source}'"
    place = input_place(settings.path, "annotations.path", landing, lambda: annotation_files(run.suite))
    files = read_delivered(run.spark, place, ".jsonl")
    fields = {*settings.other_fields, *run.suite.field_names}
    with kept(map_rows(files, parser(fields), LINES)) as lines:
        run.write("bronze.annotation", delivered_annotations(lines, source), own)
        rejected = rejected_lines(lines, source)
        run.write_rejects("bronze.annotation_rejected", rejected, of="bronze.annotation", replaces=own)
    accepted = run.lake.read("bronze.annotation").where(own)
    run.write("silver.annotation", newest_annotations(accepted), own)
    rejected = run.lake.read("bronze.annotation_rejected").where(own)
    require_all_kept(line_balance(files, 0, accepted, rejected), "bronze.annotation")
    run.require_few_rejected("bronze.annotation", "annotations.max_rejected_share")


if __name__ == "__main__":
    execute(__file__, main)
