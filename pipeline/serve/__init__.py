"""The desk: local web pages to add novels, judge backstories and read the reports."""
