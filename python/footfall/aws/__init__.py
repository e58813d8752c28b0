"""AWS: the workspace in S3, outside of which nothing is written there; policies; settings of a bucket.

Tables on S3 are read and written by the Rust core, which needs none of this. boto3, of the extra ``aws``, asks for the
rest.
"""
