"""nbgrader's settings for this folder as a course; `../TEACHING.md` says how to use it."""

c = get_config()  # noqa: F821

c.CourseDirectory.course_id = "genai_keras"
# Each source has its text beside it, with the answers: that is not for students.
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", "chapter*.py"]
# Seconds that a cell may take, and its output: on a busy machine, TensorFlow starts slowly.
c.Execute.timeout = 600
c.Execute.iopub_timeout = 60
