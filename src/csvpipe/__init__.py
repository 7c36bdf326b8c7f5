"""csvpipe"""
